import { Dialog } from '@base-ui/react/dialog';
import { type KeyboardEvent, useState } from 'react';
import { describeError } from '../api/errors';
import { LIMITS } from '../lib/limits';
import { useRename } from '../pictures/queries';
import { IconButton } from '../ui/IconButton';
import { EditIcon } from '../ui/icons';
import { notify } from '../ui/notices';
import styles from './viewer.module.css';

interface TitleProps {
  readonly id: string;
  readonly title: string;
  readonly canRename: boolean;
  /** For example `3 of 5,000`. */
  readonly position: string;
}

/** The title, which can be changed in place. */
export function Title({ id, title, canRename, position }: TitleProps) {
  const [draft, setDraft] = useState<string>();
  const rename = useRename();
  const save = () => {
    const next = draft?.trim() ?? '';
    setDraft(undefined);
    if (next === '' || next === title) return;
    rename.mutate(
      { id, title: next, before: title },
      {
        onError: (error) =>
          void notify(`The title wasn’t changed. ${describeError(error)}`, { severity: 'error' }),
      },
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Escape takes the change back, and leaves the viewer open.
    event.stopPropagation();
    if (event.key === 'Enter') save();
    if (event.key === 'Escape') setDraft(undefined);
  };
  return (
    <div className={styles.title}>
      <Dialog.Title
        className={draft === undefined ? 'h3 ellipsis' : 'visually-hidden'}
        title={title}
      >
        {title}
      </Dialog.Title>
      {draft !== undefined ? (
        <input
          aria-label="Title"
          value={draft}
          maxLength={LIMITS.titleLength}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the user has just asked for it
          autoFocus
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
          onBlur={save}
          onFocus={(event) => event.target.select()}
        />
      ) : (
        canRename && (
          <IconButton
            size="small"
            label="Rename"
            className={styles.dark}
            onClick={() => setDraft(title)}
          >
            <EditIcon size={17} />
          </IconButton>
        )
      )}
      <span className={styles.position} aria-hidden="true">
        {position}
      </span>
    </div>
  );
}
