import { Toast } from '@base-ui/react/toast';
import { useEffect } from 'react';
import { cx } from '../../lib/cx';
import { SeverityIcon } from '../Alert';
import { CloseIcon } from '../icons';
import { connectToaster, type Notice } from '../notices';
import styles from './Toaster.module.css';

/** Shows the notices of `notify`, the newest at the bottom. */
export function Toaster() {
  return (
    <Toast.Provider limit={3}>
      <Toasts />
    </Toast.Provider>
  );
}

function Toasts() {
  const { toasts, add, close } = Toast.useToastManager<Notice>();

  useEffect(
    () =>
      connectToaster((notice) => {
        let undone = false;
        const onUndo =
          notice.onUndo &&
          (() => {
            undone = true;
            close(id);
            notice.onUndo?.();
          });
        const id = add({
          timeout: notice.shownMs,
          priority: notice.severity === 'error' ? 'high' : 'low',
          data: { ...notice, ...(onUndo && { onUndo }) },
          onClose: () => {
            if (!undone) notice.onEnd?.();
          },
        });
        return () => close(id);
      }),
    [add, close],
  );

  return (
    <Toast.Portal>
      <Toast.Viewport className={styles.viewport}>
        {toasts.map((toast) => {
          const { text = '', severity = 'info', onUndo } = toast.data ?? {};
          return (
            <Toast.Root
              key={toast.id}
              toast={toast}
              swipeDirection={['down', 'right', 'left']}
              className={cx(styles.toast, styles[severity])}
            >
              <Toast.Content className={styles.content}>
                <SeverityIcon severity={severity} />
                <Toast.Title render={<p />} className={styles.text}>
                  {text}
                </Toast.Title>
                {onUndo !== undefined && (
                  <Toast.Action className={styles.undo} onClick={onUndo}>
                    Undo
                  </Toast.Action>
                )}
                {/* By default it is hidden from screen readers until the notice is hovered. */}
                <Toast.Close className={styles.close} aria-label="Dismiss" aria-hidden={false}>
                  <CloseIcon size={18} />
                </Toast.Close>
              </Toast.Content>
            </Toast.Root>
          );
        })}
      </Toast.Viewport>
    </Toast.Portal>
  );
}
