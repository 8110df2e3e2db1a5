/** The types that the service takes and answers, with the ending that a file of each gets. */
export const IMAGE_TYPES = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/avif': 'avif',
} as const;

export type ImageType = keyof typeof IMAGE_TYPES;

export function isImageType(type: string): type is ImageType {
  return Object.hasOwn(IMAGE_TYPES, type);
}

/** How a type is called among people: `JPEG`. */
export function typeName(type: string): string {
  return type === 'image/webp' ? 'WebP' : type.replace('image/', '').toUpperCase();
}

/**
 * Bytes from base64, as a blob. A type that is no picture's becomes plain bytes, so that an
 * address made from the blob can never be a document with scripts of this origin.
 */
export function toBlob(base64: string, contentType: string): Blob {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Blob([bytes], {
    type: isImageType(contentType) ? contentType : 'application/octet-stream',
  });
}

/** Base64 of a file's bytes, without the `data:` prefix. */
export function toBase64(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const url = typeof reader.result === 'string' ? reader.result : '';
      resolve(url.slice(url.indexOf(',') + 1));
    };
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(file);
  });
}

/** A file name made of a title: what file systems refuse becomes a dash. */
export function fileName(title: string, type: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is being removed
  const name = title.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').replace(/^\.+|[. ]+$/g, '');
  const ending = isImageType(type) ? `.${IMAGE_TYPES[type]}` : '';
  return `${name === '' ? 'picture' : name}${ending}`;
}
