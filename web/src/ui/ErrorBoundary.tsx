import { Component, type ReactNode } from 'react';
import { Button } from './Button';
import { AlertIcon } from './icons';
import { Empty } from './states';

/** The last resort: a fault of the app itself, said instead of an empty page. */
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
          title="The app stumbled"
          action={
            <Button variant="contained" onClick={() => location.reload()}>
              Reload the page
            </Button>
          }
        >
          A part of it is broken or could not be loaded. Your pictures are safe.
        </Empty>
      </main>
    );
  }
}
