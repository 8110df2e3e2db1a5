import { formatBytes, formatDateTime } from '../lib/format';
import { formatTaken } from '../pictures/dates';
import { typeName } from '../pictures/image';
import { type PictureInfo, sizeOf } from '../pictures/requests';
import styles from './viewer.module.css';

/** What is known of a picture. */
export function InfoPanel({ info }: { readonly info: PictureInfo }) {
  const [width, height] = sizeOf(info);
  const megapixels = (width * height) / 1e6;
  const size = `${width} × ${height}`;
  const rows = [
    ['Taken', info.taken_at === '' ? 'Not recorded by the camera' : formatTaken(info.taken_at)],
    ['Uploaded', formatDateTime(new Date(info.created_at))],
    ['Size', megapixels < 0.1 ? size : `${size} (${megapixels.toFixed(1)} megapixels)`],
    ['File', `${typeName(info.content_type)}, ${formatBytes(info.size_bytes)}`],
    ...(info.damage === '' ? [] : [['Damaged', info.damage]]),
  ] as const;
  return (
    <aside className={styles.info} aria-label="Information">
      <h3 className="h3">{info.title}</h3>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt className="caption">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </aside>
  );
}
