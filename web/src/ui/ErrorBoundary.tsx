import { Component, type ReactNode } from 'react';
import { Button } from './Button';
import { AlertIcon } from './icons';
import { Empty } from './states';

/** Shows an error page when rendering fails or code can't be loaded. */
export class ErrorBoundary extends Component<
  { readonly children: ReactNode },
  { failed: boolean }
> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main>
        <Empty
          icon={<AlertIcon />}
          level={1}
          title="Something went wrong"
          action={
            <Button variant="contained" onClick={() => location.reload()}>
              Reload the page
            </Button>
          }
        >
          Part of the app failed or couldn’t be loaded. Your pictures are safe.
        </Empty>
      </main>
    );
  }
}
