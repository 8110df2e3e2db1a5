import { useDeferredValue, useEffect, useRef } from 'react';
import { Outlet, useParams } from 'react-router';
import { formatBytes } from '../lib/format';
import { LIMITS } from '../lib/limits';
import { ACCEPTED_TYPES } from '../uploads/checkFile';
import { openUploads } from '../uploads/uploads';
import { Button } from '../ui/Button';
import { PicturesIcon, UploadIcon } from '../ui/icons';
import { Empty } from '../ui/states';
import { Failure } from '../transports/Failure';
import { useDocumentTitle } from '../ui/useDocumentTitle';
import { GridSkeleton, PictureGrid } from './PictureGrid';
import { usePictures } from '../pictures/queries';

export function PicturesPage() {
  const { pictureId } = useParams();
  const list = usePictures();
  // Deferred, so that rendering many tiles doesn't block input.
  const data = useDeferredValue(list.data);
  const pictures = data?.pages.flatMap((page) => page.pictures) ?? [];
  useDocumentTitle(pictureId === undefined ? 'Pictures' : undefined);

  // After a picture was deleted in its dialog, its tile is gone and can't get the focus back.
  const openBefore = useRef(pictureId);
  useEffect(() => {
    const closed = openBefore.current !== undefined && pictureId === undefined;
    openBefore.current = pictureId;
    if (closed && document.activeElement === document.body) {
      document.getElementById('main')?.focus({ preventScroll: true });
    }
  }, [pictureId]);

  const upload = (
    <Button variant="contained" startIcon={<UploadIcon />} onClick={() => openUploads()}>
      Upload
    </Button>
  );

  return (
    <>
      <div className="page-head">
        <h1 className="h1">Pictures</h1>
        {pictures.length > 0 && upload}
      </div>

      {list.isError && (
        <Failure
          title={
            pictures.length > 0 ? 'Couldn’t refresh your pictures' : 'Couldn’t load your pictures'
          }
          error={list.error}
          onRetry={() => void (list.isFetchNextPageError ? list.fetchNextPage() : list.refetch())}
        />
      )}

      {data === undefined && !list.isError && <GridSkeleton />}

      {data !== undefined && pictures.length === 0 && !list.hasNextPage && (
        <Empty icon={<PicturesIcon size={30} />} title="No pictures yet" action={upload}>
          Drop or paste pictures anywhere on this page, or choose them: {ACCEPTED_TYPES}, up to{' '}
          {formatBytes(LIMITS.pictureBytes)} each.
        </Empty>
      )}

      {pictures.length > 0 && (
        <div aria-busy={list.isFetching}>
          <PictureGrid
            pictures={pictures}
            hasMore={list.hasNextPage && !list.isFetchNextPageError}
            loadingMore={list.isFetchingNextPage}
            onMore={() => void list.fetchNextPage()}
          />
        </div>
      )}
      <Outlet />
    </>
  );
}
