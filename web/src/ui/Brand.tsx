import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { TRANSPORT_COLORS } from '../theme';

/** The mark: three colours, one picture. */
export function Mark({ size = 26 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <circle cx="16" cy="11" r="8" fill={TRANSPORT_COLORS.rest} />
      <circle cx="11" cy="20" r="8" fill={TRANSPORT_COLORS.grpc} fillOpacity={0.88} />
      <circle cx="21" cy="20" r="8" fill={TRANSPORT_COLORS.events} fillOpacity={0.88} />
    </svg>
  );
}

export function Brand() {
  return (
    <Box component="span" sx={{ display: 'inline-flex', alignItems: 'center', gap: 1 }}>
      <Mark />
      <Typography
        component="span"
        sx={{ fontWeight: 650, letterSpacing: '-0.02em', fontSize: '1.0625rem' }}
      >
        Trichrome
      </Typography>
    </Box>
  );
}
