import { useColorScheme } from '@mui/material/styles';
import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import { MoonIcon, SunIcon, SystemIcon } from '../ui/icons';

/** Light, dark, or as the system has it; remembered. */
export function SchemeChoice() {
  const { mode, setMode } = useColorScheme();
  return (
    <ToggleButtonGroup
      exclusive
      fullWidth
      size="small"
      value={mode ?? 'system'}
      aria-label="Colour scheme"
      onChange={(_, value: unknown) => {
        if (value === 'light' || value === 'dark' || value === 'system') setMode(value);
      }}
    >
      <ToggleButton value="light" aria-label="Light">
        <SunIcon />
      </ToggleButton>
      <ToggleButton value="dark" aria-label="Dark">
        <MoonIcon />
      </ToggleButton>
      <ToggleButton value="system" aria-label="As the system">
        <SystemIcon />
      </ToggleButton>
    </ToggleButtonGroup>
  );
}
