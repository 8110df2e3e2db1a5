import { chooseScheme, schemeStore } from '../lib/scheme';
import { MoonIcon, SunIcon, SystemIcon } from './icons';
import { ToggleGroup } from './ToggleGroup';
import { useStore } from '../lib/useStore';

/** Chooses a light or dark colour scheme, or follows the system's. */
export function SchemeChoice() {
  return (
    <ToggleGroup
      full
      label="Colour scheme"
      value={useStore(schemeStore)}
      onChange={chooseScheme}
      options={[
        { value: 'light', label: 'Light', content: <SunIcon /> },
        { value: 'dark', label: 'Dark', content: <MoonIcon /> },
        { value: 'system', label: 'System', content: <SystemIcon /> },
      ]}
    />
  );
}
