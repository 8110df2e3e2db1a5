import { useQueryClient } from '@tanstack/react-query';
import { formatCount } from '../lib/format';
import { useStore } from '../lib/useStore';
import { deletePictures } from '../pictures/deletion';
import { Button } from '../ui/Button';
import { IconButton } from '../ui/IconButton';
import { CloseIcon, TrashIcon } from '../ui/icons';
import { DownloadSelection } from './DownloadSelection';
import { clearSelection, selectionStore } from './selection';
import styles from './timeline.module.css';

/** What can be done with the selected pictures. */
export function SelectionBar({ onSelectAll }: { readonly onSelectAll: () => void }) {
  const client = useQueryClient();
  const selected = useStore(selectionStore);
  if (selected.size === 0) return <div role="status" className="visually-hidden" />;
  return (
    <div className={styles.selectionBar}>
      <IconButton label="Clear the selection" hint="right" onClick={clearSelection}>
        <CloseIcon />
      </IconButton>
      <p role="status" className="ellipsis">
        {formatCount(selected.size)} selected
      </p>
      <Button tone="inherit" onClick={onSelectAll}>
        Select all
      </Button>
      <DownloadSelection pictures={[...selected.values()]} />
      <Button
        tone="inherit"
        startIcon={<TrashIcon />}
        onClick={() => {
          deletePictures(client, [...selected.values()]);
          clearSelection();
        }}
      >
        <span className={styles.word}>Delete</span>
      </Button>
    </div>
  );
}
