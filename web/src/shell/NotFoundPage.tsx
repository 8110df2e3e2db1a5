import { Link } from 'react-router';
import { Brand } from '../ui/Brand';
import { buttonClass } from '../ui/buttonClass';
import { AlertIcon } from '../ui/icons';
import { Empty } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';

export function NotFoundPage() {
  useDocumentTitle('Page not found');
  return (
    <main className="not-found">
      <Brand />
      <Empty
        icon={<AlertIcon size={30} />}
        level={1}
        title="There is no such page"
        action={
          <Link className={buttonClass({ variant: 'contained' })} to="/pictures">
            To your pictures
          </Link>
        }
      >
        The address may be mistyped, or what was here has moved.
      </Empty>
    </main>
  );
}
