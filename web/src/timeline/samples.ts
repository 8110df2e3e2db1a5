/** Sky, light and hills of a sample picture, from top to bottom. */
interface Scene {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly sky: readonly string[];
  readonly sun: string;
  readonly hills: readonly string[];
}

const SCENES: readonly Scene[] = [
  {
    name: 'Evening hills (sample).png',
    width: 960,
    height: 640,
    sky: ['#26306e', '#a2557f', '#f6a867'],
    sun: '#ffe3a3',
    hills: ['#5c3f74', '#3a2c5c', '#1d1b3c'],
  },
  {
    name: 'Morning lake (sample).png',
    width: 640,
    height: 860,
    sky: ['#7fb4e6', '#cfe6f2', '#fdf1d6'],
    sun: '#ffffff',
    hills: ['#8fb7a8', '#4d8c86', '#1f5560'],
  },
];

/** Draws sample pictures, so that the app doesn't have to carry photos. */
export async function drawSamples(): Promise<File[]> {
  const files: File[] = [];
  for (const scene of SCENES) {
    const canvas = document.createElement('canvas');
    draw(canvas, scene);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
    if (blob !== null) files.push(new File([blob], scene.name, { type: 'image/png' }));
  }
  return files;
}

function draw(canvas: HTMLCanvasElement, { width, height, sky, sun, hills }: Scene): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null) return;
  const gradient = context.createLinearGradient(0, 0, 0, height);
  sky.forEach((color, index) => gradient.addColorStop(index / (sky.length - 1), color));
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, height);
  context.fillStyle = sun;
  context.beginPath();
  context.arc(width * 0.68, height * 0.42, width * 0.07, 0, 2 * Math.PI);
  context.fill();
  hills.forEach((color, index) => {
    const base = height * (0.62 + index * 0.13);
    context.fillStyle = color;
    context.beginPath();
    context.moveTo(0, height);
    for (let x = 0; x <= width; x += 4) {
      const wave = Math.sin(x / (130 + 40 * index) + index * 2) + Math.sin(x / 47 + index) * 0.3;
      context.lineTo(x, base - wave * height * 0.05);
    }
    context.lineTo(width, height);
    context.fill();
  });
}
