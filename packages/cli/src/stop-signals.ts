/** Calls `onStop` for every SIGINT, SIGTERM and SIGHUP, with how many there were. @returns how to stop listening. */
export function listenForStop(onStop: (count: number) => void): () => void {
  let count = 0;
  const listener = (): void => {
    count += 1;
    onStop(count);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
