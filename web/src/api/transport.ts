import { createStore } from '../store';
import { isTransport, type Transport } from '../transports';

const KEY = 'trichrome.transport';

function remembered(): Transport {
  try {
    const value = localStorage.getItem(KEY);
    return isTransport(value) ? value : 'rest';
  } catch {
    return 'rest'; // Storage is off: the choice lasts as long as the page.
  }
}

/** The transport that every call uses from now on; remembered across visits. */
export const transportStore = createStore<Transport>(remembered());

export function chooseTransport(transport: Transport): void {
  transportStore.set(transport);
  try {
    localStorage.setItem(KEY, transport);
  } catch {
    // Storage is off: see above.
  }
}
