const listeners = new Set<() => void>();

function tellAll(): void {
  for (const listener of [...listeners]) listener();
}

/** Calls `listener` whenever this process goes on after it was stopped. One handler of the signal serves any number of clocks.
 * @returns how to stop listening.
 */
export function onContinue(listener: () => void): () => void {
  // Its own object, so that one function can listen twice.
  const own = (): void => listener();
  if (listeners.size === 0) process.on('SIGCONT', tellAll);
  listeners.add(own);
  return () => {
    listeners.delete(own);
    if (listeners.size === 0) process.off('SIGCONT', tellAll);
  };
}
