import { type Ref, useState } from 'react';
import type { IndexEntry } from '../api/types';
import { cx } from '../lib/cx';
import { Placeholder } from '../pictures/Placeholder';
import { type PictureInfo, sizeOf } from '../pictures/requests';
import { usePreview, useThumbnail } from '../pictures/useBlob';
import { BlobImage } from '../ui/BlobImage';
import { BrokenIcon } from '../ui/icons';
import { Spinner } from '../ui/Spinner';
import { Empty } from '../ui/states';
import styles from './viewer.module.css';

interface MediaProps {
  readonly id: string;
  readonly info: PictureInfo | undefined;
  readonly entry: IndexEntry | undefined;
  /** Shows the original instead of the preview. */
  readonly full: boolean;
  readonly ref: Ref<HTMLDivElement>;
}

/** A small WebP may be animated, as a GIF usually is, and previews stand still. */
const MAX_ANIMATED_BYTES = 3_000_000;

function mayMove({ content_type, size_bytes }: PictureInfo): boolean {
  return (
    content_type === 'image/gif' ||
    (content_type === 'image/webp' && size_bytes <= MAX_ANIMATED_BYTES)
  );
}

/** The largest box with a picture's proportions that fits into its container, up to its own size. */
function fitOf(width: number, height: number) {
  const ratio = width / height;
  return {
    width: `min(100cqw, ${width}px, 100cqh * ${ratio})`,
    height: 'auto',
    aspectRatio: ratio,
  };
}

/** A picture: its placeholder, then its thumbnail, then its preview, then the original if needed. */
export function Media({ id, info, entry, full, ref }: MediaProps) {
  const preview = usePreview(id, info?.links.preview);
  const thumbnail = useThumbnail(entry);
  const [original, setOriginal] = useState(false);
  const [undecodable, setUndecodable] = useState(false);
  const known = info ?? entry;
  const [width, height] =
    info === undefined ? [entry?.width ?? 0, entry?.height ?? 0] : sizeOf(info);
  const placeholder = known?.placeholder ?? '';
  const wantsOriginal = info !== undefined && (full || mayMove(info));

  if (undecodable || preview.error !== undefined) {
    return (
      <div className={styles.message}>
        <Empty icon={<BrokenIcon size={30} />} title="This browser can’t show this picture">
          It is stored unchanged. Download it to open it in another app.
        </Empty>
      </div>
    );
  }
  const title = known?.title ?? '';
  const shown = preview.blob ?? thumbnail.blob;
  return (
    <div ref={ref} className={styles.media}>
      <div className={styles.fit} style={width > 0 && height > 0 ? fitOf(width, height) : {}}>
        {shown === undefined && placeholder !== '' && (
          <Placeholder hash={placeholder} className={styles.layer} />
        )}
        {shown !== undefined && (
          <BlobImage
            key={preview.blob === undefined ? 'thumbnail' : 'preview'}
            blob={shown}
            alt={original ? '' : title}
            className={styles.layer}
            onError={() => setUndecodable(true)}
          />
        )}
        {wantsOriginal && (
          <img
            src={info.links.original}
            crossOrigin="anonymous"
            alt={original ? title : ''}
            className={cx(styles.layer, !original && styles.pending)}
            draggable={false}
            onLoad={() => setOriginal(true)}
          />
        )}
      </div>
      {preview.blob === undefined && (
        <div role="status" className={styles.loading}>
          <Spinner label="Loading the picture" />
        </div>
      )}
    </div>
  );
}
