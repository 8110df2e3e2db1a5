import { Link } from 'react-router';
import { Brand } from '../ui/Brand';
import { buttonClass } from '../ui/buttonClass';
import { AlertIcon } from '../ui/icons';
import { Empty } from '../ui/states';
import styles from './Shell.module.css';
import { useDocumentTitle } from '../ui/useDocumentTitle';

export function NotFoundPage() {
  useDocumentTitle('Page not found');
  return (
    <main className={styles.notFound}>
      <Brand />
      <Empty
        icon={<AlertIcon size={30} />}
        level={1}
        title="Page not found"
        action={
          <Link className={buttonClass({ variant: 'contained' })} to="/pictures">
            Go to your pictures
          </Link>
        }
      >
        The address may be mistyped, or the page may have moved.
      </Empty>
    </main>
  );
}
