import { useCallback } from 'react';

interface BlobImageProps {
  readonly blob: Blob;
  readonly alt: string;
  readonly className?: string | undefined;
  readonly onLoad?: () => void;
  readonly onError?: () => void;
}

/**
 * Shows a blob as an image. The blob URL is revoked with the element, because the browser keeps the
 * bytes in memory until then.
 */
export function BlobImage({ blob, alt, className, onLoad, onError }: BlobImageProps) {
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
      className={className}
      alt={alt}
      decoding="async"
      draggable={false}
      onLoad={onLoad}
      onError={onError}
    />
  );
}
