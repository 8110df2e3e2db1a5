/** The id of a picture's link, by which it gets the focus back. */
export const linkId = (id: string) => `picture-${id}`;
