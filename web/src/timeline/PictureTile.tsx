import { useState } from 'react';
import { Link } from 'react-router';
import { formatAgo } from '../lib/format';
import { PictureView } from '../viewer/lazy';
import { BlobImage } from '../ui/BlobImage';
import { Button } from '../ui/Button';
import { BrokenIcon } from '../ui/icons';
import { useInView } from '../ui/useInView';
import { usePicture } from '../pictures/queries';
import type { PictureInfo } from '../pictures/requests';

/** A picture in the grid. Its bytes are fetched only while it is near the viewport. */
export function PictureTile({ picture }: { readonly picture: PictureInfo }) {
  const [ref, near] = useInView('300px 0px');
  return (
    <li ref={ref} className="tile">
      <Link
        to={`/pictures/${picture.id}`}
        state={{ fromGrid: true }}
        onPointerEnter={PictureView.preload}
      >
        <div className="frame">{near && <Thumbnail id={picture.id} />}</div>
        <div className="tile-text">
          <span className="h3 ellipsis">{picture.title}</span>
          <span className="caption quiet">{formatAgo(new Date(picture.created_at))}</span>
        </div>
      </Link>
      {near && <ThumbnailRetry id={picture.id} />}
    </li>
  );
}

function Thumbnail({ id }: { readonly id: string }) {
  const { data, isError } = usePicture(id);
  const [undecodable, setUndecodable] = useState(false);
  if (undecodable) return <BrokenIcon />;
  // The empty `alt` avoids repeating the title below.
  if (data !== undefined) {
    return <BlobImage blob={data.blob} alt="" fit="cover" onError={() => setUndecodable(true)} />;
  }
  return isError ? null : <span className="skeleton" />;
}

/** A retry button for a failed thumbnail. It overlays the link, which must not contain a button. */
function ThumbnailRetry({ id }: { readonly id: string }) {
  const { data, isError, refetch } = usePicture(id);
  if (data !== undefined || !isError) return null;
  return (
    <div className="broken">
      <BrokenIcon />
      <Button size="small" onClick={() => void refetch()}>
        Try again
      </Button>
    </div>
  );
}
