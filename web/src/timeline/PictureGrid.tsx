import { useEffect } from 'react';
import { Button } from '../ui/Button';
import { useInView } from '../ui/useInView';
import { PictureTile } from './PictureTile';
import type { PictureInfo } from '../pictures/requests';

interface PictureGridProps {
  readonly pictures: readonly PictureInfo[];
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly onMore: () => void;
}

export function PictureGrid({ pictures, hasMore, loadingMore, onMore }: PictureGridProps) {
  return (
    <>
      <ul className="grid" aria-label="Your pictures">
        {pictures.map((picture) => (
          <PictureTile key={picture.id} picture={picture} />
        ))}
      </ul>
      {hasMore && <LoadMore loading={loadingMore} onMore={onMore} />}
    </>
  );
}

/** Loads the next page as it nears the viewport, or on a click. */
function LoadMore({ loading, onMore }: { readonly loading: boolean; readonly onMore: () => void }) {
  const [ref, near] = useInView('600px 0px');
  useEffect(() => {
    if (near && !loading) onMore();
  }, [near, loading, onMore]);
  return (
    <div ref={ref} className="more">
      <Button onClick={onMore} loading={loading} variant="outlined">
        Show more
      </Button>
    </div>
  );
}

/** A placeholder with the grid's dimensions, so that the layout doesn't shift. */
export function GridSkeleton() {
  return (
    <div className="grid" role="status" aria-label="Loading your pictures">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index}>
          <div className="frame">
            <span className="skeleton" />
          </div>
          <span className="tile-text">
            <span className="skeleton h3" />
            <span className="skeleton caption" />
          </span>
        </div>
      ))}
    </div>
  );
}
