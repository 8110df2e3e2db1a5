import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Skeleton from '@mui/material/Skeleton';
import { styled } from '@mui/material/styles';
import Typography from '@mui/material/Typography';
import { Link } from 'react-router';
import { formatAgo } from '../format';
import { BlobImage } from '../ui/BlobImage';
import { BrokenIcon } from '../ui/icons';
import { useInView } from '../ui/useInView';
import { type PictureInfo, usePicture } from './queries';
import { RADIUS } from '../theme';

const Tile = styled('li')({
  position: 'relative',
  // Tiles far out of view cost no layout; the height is close enough for the scroll bar.
  contentVisibility: 'auto',
  containIntrinsicSize: 'auto 240px',
});

const TileLink = styled(Link)(({ theme }) => ({
  display: 'block',
  color: 'inherit',
  textDecoration: 'none',
  borderRadius: RADIUS.card,
  '& .frame': {
    position: 'relative',
    display: 'grid',
    placeItems: 'center',
    aspectRatio: '4 / 3',
    borderRadius: RADIUS.card,
    overflow: 'hidden',
    backgroundColor: theme.vars.palette.action.hover,
    color: theme.vars.palette.text.secondary,
    transition: theme.transitions.create('filter', { duration: 150 }),
  },
  // A hairline inside the edge keeps a white picture on a white page in its frame.
  '& .frame::after': {
    content: '""',
    position: 'absolute',
    inset: 0,
    borderRadius: 'inherit',
    boxShadow: 'inset 0 0 0 1px rgb(128 128 128 / 0.18)',
  },
  '&:hover .frame': { filter: 'brightness(0.94)' },
}));

/** One picture of the grid; its bytes are fetched only while it is near the view. */
export function PictureTile({ picture }: { readonly picture: PictureInfo }) {
  const [ref, near] = useInView('300px 0px');
  return (
    <Tile ref={ref}>
      <TileLink to={`/pictures/${picture.id}`}>
        <div className="frame">{near && <Thumbnail id={picture.id} />}</div>
        <Box sx={{ px: 0.25, pt: 1 }}>
          <Typography variant="h3" component="span" noWrap sx={{ display: 'block' }}>
            {picture.title}
          </Typography>
          <Typography
            variant="caption"
            component="span"
            color="textSecondary"
            sx={{ display: 'block' }}
          >
            {formatAgo(new Date(picture.created_at))}
          </Typography>
        </Box>
      </TileLink>
    </Tile>
  );
}

function Thumbnail({ id }: { readonly id: string }) {
  const { data, isError, refetch } = usePicture(id);
  // The title stands beneath: the picture itself would only repeat it.
  if (data !== undefined) return <BlobImage blob={data.blob} alt="" fit="cover" />;
  if (!isError) {
    return <Skeleton variant="rectangular" sx={{ width: '100%', height: '100%' }} />;
  }
  return (
    <Box sx={{ display: 'grid', justifyItems: 'center', gap: 0.5 }}>
      <BrokenIcon />
      <Button
        size="small"
        onClick={(event) => {
          event.preventDefault();
          void refetch();
        }}
      >
        Try again
      </Button>
    </Box>
  );
}
