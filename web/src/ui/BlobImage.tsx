import { useCallback } from 'react';

interface BlobImageProps {
  readonly blob: Blob;
  readonly alt: string;
  /** `cover` fills its box and crops; `contain` shows all of the picture. */
  readonly fit: 'cover' | 'contain';
  readonly onError?: () => void;
}

/**
 * Shows bytes as a picture. The address made for them lives as long as the element does, and is
 * then revoked: until that happens a browser keeps the bytes.
 */
export function BlobImage({ blob, alt, fit, onError }: BlobImageProps) {
  const show = useCallback(
    (image: HTMLImageElement | null) => {
      if (image === null) return undefined;
      const url = URL.createObjectURL(blob);
      image.src = url;
      return () => {
        image.removeAttribute('src');
        URL.revokeObjectURL(url);
      };
    },
    [blob],
  );
  return (
    <img
      ref={show}
      className={`image ${fit}`}
      alt={alt}
      decoding="async"
      draggable={false}
      onError={onError}
    />
  );
}
