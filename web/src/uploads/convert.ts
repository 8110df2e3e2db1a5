const JPEG_QUALITY = 0.92;

/**
 * Converts a picture that the browser can show, such as HEIC in Safari, to JPEG. Returns undefined
 * where it can't. The result is upright and lacks the camera's data.
 */
export async function convertToJpeg(file: Blob): Promise<Blob | undefined> {
  try {
    const bitmap = await createImageBitmap(file);
    try {
      const canvas = document.createElement('canvas');
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      const jpeg = await new Promise<Blob | null>((resolve) =>
        canvas.toBlob(resolve, 'image/jpeg', JPEG_QUALITY),
      );
      return jpeg ?? undefined;
    } finally {
      bitmap.close();
    }
  } catch {
    return undefined;
  }
}
