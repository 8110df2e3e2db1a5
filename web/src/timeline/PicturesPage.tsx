import { useQueryClient } from '@tanstack/react-query';
import {
  useCallback,
  useDeferredValue,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type RefObject,
} from 'react';
import { Outlet, useParams } from 'react-router';
import { describeError } from '../api/errors';
import type { IndexEntry } from '../api/types';
import { formatCount } from '../lib/format';
import { useStore } from '../lib/useStore';
import { hiddenStore } from '../pictures/deletion';
import { orderStore } from '../pictures/order';
import { monthQuery, monthsQuery } from '../pictures/queries';
import { Failure } from '../transports/Failure';
import { openUploads } from '../uploads/uploads';
import { Button } from '../ui/Button';
import { SearchIcon, UploadIcon } from '../ui/icons';
import { lazyWithPreload } from '../ui/lazyWithPreload';
import { notify } from '../ui/notices';
import { Empty } from '../ui/states';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import type { ViewerContext } from '../viewer/PictureView';
import { clearSelection, select } from './selection';
import { SelectionBar } from './SelectionBar';
import { Timeline } from './Timeline';
import styles from './timeline.module.css';
import { Toolbar } from './Toolbar';
import { useSections } from './useSections';
import { useShortcut } from './useShortcut';
import { Welcome } from './Welcome';

const ShortcutsDialog = lazyWithPreload(() =>
  import('./ShortcutsDialog').then((module) => module.ShortcutsDialog),
);

const NONE: ReadonlySet<string> = new Set();

/** The timeline of all pictures, and the viewer above it. */
export function PicturesPage() {
  const { pictureId } = useParams();
  const client = useQueryClient();
  const order = useStore(orderStore);
  const container = useRef<HTMLDivElement>(null);
  const [head, width] = useWidth();
  const [near, setNear] = useState(NONE);
  const [search, setSearch] = useState('');
  // Deferred, so that laying out results doesn't block typing.
  const searched = useDeferredValue(search.trim().toLowerCase());
  const state = useSections({ order, search: searched, width, near });
  const [help, setHelp] = useState<boolean>();
  const { sections, total, isEmpty, error } = state;
  useDocumentTitle(pictureId === undefined ? 'Your pictures' : undefined);

  const onNear = useCallback((months: readonly string[]) => setNear(new Set(months)), []);
  useEffect(() => clearSelection, []);

  // After the viewer, the focus returns to its last picture.
  const [reveal, setReveal] = useState<{ readonly id: string; readonly at: number }>();
  const [openBefore, setOpenBefore] = useState(pictureId);
  if (openBefore !== pictureId) {
    setOpenBefore(pictureId);
    if (openBefore !== undefined && pictureId === undefined) {
      setReveal({ id: openBefore, at: (reveal?.at ?? 0) + 1 });
    }
  }

  useShortcut('?', () => setHelp(true));
  const searchField = useRef<HTMLInputElement>(null);
  useShortcut('/', () => {
    // The viewer and the list of shortcuts cover the field.
    if (pictureId === undefined && help !== true) searchField.current?.focus();
  });

  const withAll = useCallback(
    async (take: (pictures: readonly IndexEntry[]) => void) => {
      if (searched !== '') {
        take(sections.flatMap(({ entries }) => entries ?? []));
        return;
      }
      try {
        const { months } = await client.query(monthsQuery(order));
        const all = await Promise.all(
          months.map(({ month }) =>
            client.query({ ...monthQuery(order, month, { links: false }), staleTime: 30_000 }),
          ),
        );
        take(all.flat().filter(({ id }) => !hiddenStore.get().has(id)));
      } catch (error) {
        notify(`Nothing was selected. ${describeError(error)}`, { severity: 'error' });
      }
    },
    [client, order, searched, sections],
  );

  const jump = (month: string) => {
    const section = sections.find((section) => section.month === month);
    const top = (container.current?.getBoundingClientRect().top ?? 0) + scrollY;
    if (section !== undefined) scrollTo(0, section.top + top - 120);
  };

  const upload = (
    <Button variant="contained" startIcon={<UploadIcon />} onClick={() => openUploads()}>
      Upload
    </Button>
  );

  return (
    <>
      <div className={styles.head} ref={head}>
        <h1 className="h1">Pictures</h1>
        {total > 0 && (
          <p className="quiet figures" data-testid="count">
            {searched === '' ? formatCount(total) : `${formatCount(total)} found`}
          </p>
        )}
        {isEmpty === false && (
          <Toolbar
            order={order}
            sections={sections}
            search={search}
            searchField={searchField}
            onSearch={setSearch}
            onJump={jump}
            onHelp={() => setHelp(true)}
          />
        )}
        {isEmpty === false && upload}
      </div>

      {error !== null && (
        <Failure
          title={
            sections.length > 0 ? 'Couldn’t refresh your pictures' : 'Couldn’t load your pictures'
          }
          error={error}
          onRetry={state.retry}
        />
      )}

      {isEmpty === undefined && error === null && <TimelineSkeleton />}
      {isEmpty === true && <Welcome />}
      {isEmpty === false && searched !== '' && total === 0 && !state.isLoading && (
        <Empty icon={<SearchIcon size={30} />} title="Nothing found">
          No title contains “{search.trim()}”.
        </Empty>
      )}

      {isEmpty === false && (
        <>
          <SelectionBar onSelectAll={() => void withAll(select)} />
          {width > 0 && total > 0 && (
            <Timeline
              container={container}
              state={state}
              order={order}
              onNear={onNear}
              reveal={reveal}
              withAll={withAll}
            />
          )}
        </>
      )}
      {help !== undefined && <ShortcutsDialog open={help} onClose={() => setHelp(false)} />}
      <Outlet context={{ covered: help === true } satisfies ViewerContext} />
    </>
  );
}

/** The width of the page's content, which the heading always fills. */
function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [value, setValue] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const measure = () => setValue(Math.floor(element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, value];
}

/** A placeholder with the rhythm of the timeline. */
function TimelineSkeleton() {
  return (
    <div role="status" aria-label="Loading your pictures" className={styles.loading}>
      <div className={styles.pattern} />
    </div>
  );
}
