import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { Link } from 'react-router';
import { Brand } from '../ui/Brand';
import { AlertIcon } from '../ui/icons';
import { Empty } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';

export function NotFoundPage() {
  useDocumentTitle('Page not found');
  return (
    <Box component="main" sx={{ display: 'grid', justifyItems: 'center', pt: { xs: 4, sm: 8 } }}>
      <Brand />
      <Empty
        icon={<AlertIcon />}
        level={1}
        title="There is no such page"
        action={
          <Button variant="contained" component={Link} to="/pictures">
            To your pictures
          </Button>
        }
      >
        The address may be mistyped, or what was here has moved.
      </Empty>
    </Box>
  );
}
