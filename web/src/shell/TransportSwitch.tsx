import ToggleButton from '@mui/material/ToggleButton';
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup';
import { chooseTransport, transportStore } from '../api/transport';
import { isTransport, TRANSPORT_LABELS, TRANSPORTS } from '../transports';
import { useStore } from '../store';
import { TransportDot } from '../ui/TransportDot';
import { RADIUS } from '../theme';

/** Which transport every call goes over from now on. */
export function TransportSwitch() {
  const transport = useStore(transportStore);
  return (
    <ToggleButtonGroup
      exclusive
      size="small"
      value={transport}
      aria-label="Transport"
      onChange={(_, value: unknown) => {
        // A click on the chosen one would switch it off; there is always one chosen.
        if (isTransport(value)) chooseTransport(value);
      }}
      sx={(theme) => ({
        p: 0.375,
        gap: 0.25,
        borderRadius: '11px',
        bgcolor: 'action.hover',
        '& .MuiToggleButton-root': {
          gap: 0.875,
          px: 1.5,
          py: 0.5,
          minHeight: 32,
          border: 0,
          borderRadius: RADIUS.small,
          m: 0,
          textTransform: 'none',
          color: 'text.secondary',
        },
        '& .MuiToggleButton-root.Mui-selected, & .MuiToggleButton-root.Mui-selected:hover': {
          bgcolor: theme.vars.palette.background.paper,
          color: 'text.primary',
          boxShadow: '0 1px 3px rgb(0 0 0 / 0.16)',
          ...theme.applyStyles('dark', { bgcolor: '#363b46' }),
        },
      })}
    >
      {TRANSPORTS.map((value) => (
        <ToggleButton key={value} value={value}>
          <TransportDot transport={value} />
          {TRANSPORT_LABELS[value]}
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}
