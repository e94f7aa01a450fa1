import type { Procedure } from '../procedures/procedure.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** Takes from a session the Child SAs that it was asked for and has not made: the IKE SA in its place makes them. */
export function takeWishes(from: IkeSession): Procedure[] {
  const waiting = [...from.queue, ...from.postponed.map(({ procedure }) => procedure)];
  const others = from.queue.filter(({ kind }) => kind !== 'create-child');
  from.queue.length = 0;
  from.queue.push(...others);
  from.postponed.length = 0;
  return waiting.filter(({ kind }) => kind === 'create-child');
}

/** What an old IKE SA has or was asked for, and nobody has asked for in the new one; each is told of once. */
export function takeLeftBehind(from: IkeSession): Procedure[] {
  const found: Procedure[] = [];
  for (const child of from.children.values()) {
    if (child.replacedBy !== undefined || child.deleting !== undefined || child.isMoved) continue;
    child.isMoved = true;
    found.push({ kind: 'create-child', name: child.config.name, postponements: 0 });
  }
  return [...found, ...takeWishes(from)];
}

/** An old IKE SA ends: what it was asked for, and may have been about to make, is left to the new one, unless it has that. */
export function passOnWishes(from: IkeSession): void {
  const { takenOverBy: heir, running } = from;
  if (heir?.state.kind !== 'established' || heir.isClosing) return;
  const wishes = takeWishes(from);
  if (running?.procedure.kind === 'create-child') wishes.push(running.procedure);
  const names = new Set([...heir.children.values()].map(({ config }) => config.name));
  for (const { procedure } of heir.running ? [heir.running] : []) addName(names, procedure);
  for (const procedure of heir.queue) addName(names, procedure);
  heir.queue.push(
    ...wishes.filter((wish) => wish.kind === 'create-child' && !names.has(wish.name)),
  );
}

function addName(names: Set<string>, procedure: Procedure): void {
  if (procedure.kind === 'create-child') names.add(procedure.name);
}
