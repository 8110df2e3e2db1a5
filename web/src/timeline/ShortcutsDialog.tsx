import { Dialog } from '../ui/floating/Dialog';
import styles from './timeline.module.css';

const SHORTCUTS = [
  ['Arrow keys', 'Go to the next picture in that direction'],
  ['Home, End', 'Go to the newest or the oldest picture'],
  ['Enter', 'Open the picture'],
  ['Space', 'Select the picture'],
  ['Shift + arrows', 'Extend the selection'],
  ['Ctrl + A', 'Select all pictures'],
  ['Delete', 'Delete what is selected'],
  ['Escape', 'Clear the selection, or close the picture'],
  ['/', 'Search titles'],
  ['+, −, 0', 'Zoom the open picture'],
  ['I', 'Show information about the open picture'],
  ['?', 'Show this list'],
] as const;

interface ShortcutsDialogProps {
  readonly open: boolean;
  readonly onClose: () => void;
}

export function ShortcutsDialog({ open, onClose }: ShortcutsDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard shortcuts">
      <dl className={styles.shortcuts}>
        {SHORTCUTS.map(([keys, action]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd className="quiet">{action}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
