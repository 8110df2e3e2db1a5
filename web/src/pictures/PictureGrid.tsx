import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Skeleton from '@mui/material/Skeleton';
import { styled } from '@mui/material/styles';
import { useEffect } from 'react';
import { useInView } from '../ui/useInView';
import { PictureTile } from './PictureTile';
import type { PictureInfo } from './queries';
import { RADIUS } from '../theme';

const Grid = styled('ul')(({ theme }) => ({
  listStyle: 'none',
  margin: 0,
  padding: 0,
  display: 'grid',
  gap: theme.spacing(2.5),
  gridTemplateColumns: 'repeat(auto-fill, minmax(220px, 1fr))',
  [theme.breakpoints.down('sm')]: {
    gap: theme.spacing(1.5),
    gridTemplateColumns: 'repeat(2, minmax(0, 1fr))',
  },
}));

interface PictureGridProps {
  readonly pictures: readonly PictureInfo[];
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  readonly onMore: () => void;
}

export function PictureGrid({ pictures, hasMore, loadingMore, onMore }: PictureGridProps) {
  return (
    <>
      <Grid aria-label="Your pictures">
        {pictures.map((picture) => (
          <PictureTile key={picture.id} picture={picture} />
        ))}
      </Grid>
      {hasMore && <More loading={loadingMore} onMore={onMore} />}
    </>
  );
}

/** Loads on by itself as it nears the view; a button, so that it also works without scrolling. */
function More({ loading, onMore }: { readonly loading: boolean; readonly onMore: () => void }) {
  const [ref, near] = useInView('600px 0px');
  useEffect(() => {
    if (near && !loading) onMore();
  }, [near, loading, onMore]);
  return (
    <Box ref={ref} sx={{ display: 'grid', placeItems: 'center', py: 4 }}>
      <Button onClick={onMore} loading={loading} variant="outlined">
        Show more
      </Button>
    </Box>
  );
}

/** The shape of what is coming, so that nothing jumps when it is there. */
export function GridSkeleton() {
  return (
    <Grid role="status" aria-label="Loading your pictures" as="div">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index}>
          <Skeleton
            variant="rounded"
            sx={{ aspectRatio: '4 / 3', height: 'auto', borderRadius: RADIUS.card }}
          />
          <Skeleton width="70%" sx={{ mt: 1 }} />
          <Skeleton width="40%" />
        </div>
      ))}
    </Grid>
  );
}
