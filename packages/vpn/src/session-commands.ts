/** The reason of a Child SA that was closed by a command, and may be opened by another. */
export const CLOSED_ON_COMMAND = 'closed by command';
