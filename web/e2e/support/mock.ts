import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startControlSocket, startMockServer } from '../../mock/server';

/** Starts the mock backend and writes a stack description file for it. */
export default async function startMock(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'trichrome-mock-'));
  const { url, backend, close } = await startMockServer();
  const control_socket = join(folder, 'control');
  const closeSocket = await startControlSocket(control_socket, backend);
  const path = join(folder, 'stack.json');
  writeFileSync(
    path,
    JSON.stringify({ gateway_url: url, aws_endpoint: url, control_socket, mock: true }),
  );
  process.env.TRICHROME_STACK = path;
  return async () => {
    await close();
    await closeSocket();
    rmSync(folder, { recursive: true });
  };
}
