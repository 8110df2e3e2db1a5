/** The image types of the service and their file extensions. */
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

/** A type's common name, for example `JPEG`. */
export function typeName(type: string): string {
  return type === 'image/webp' ? 'WebP' : type.replace('image/', '').toUpperCase();
}

/**
 * Decodes base64 into a blob. A type other than an image's becomes plain bytes, so that a blob URL
 * can never be a document that runs scripts of this origin.
 */
export function toBlob(base64: string, contentType: string): Blob {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Blob([bytes], {
    type: isImageType(contentType) ? contentType : 'application/octet-stream',
  });
}

/** Encodes a file as base64, without the `data:` prefix. */
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

/** Builds a file name from a title. Characters that file systems forbid become dashes. */
export function fileName(title: string, type: string): string {
  // eslint-disable-next-line no-control-regex -- removes control characters
  const name = title.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '-').replace(/^\.+|[. ]+$/g, '');
  const extension = isImageType(type) ? `.${IMAGE_TYPES[type]}` : '';
  return `${name === '' ? 'picture' : name}${extension}`;
}
