import { readFileSync, rmSync } from 'node:fs';
import { RESOLV_CONF_PATH, removeFromResolvconf, restoreFile } from './dns-settings.ts';
import { type PolicyRule, ruleArguments } from './policy-rule.ts';
import { isRunning, networkPlace } from './process-identity.ts';
import { nameserverOwners } from './resolv-conf.ts';
import { isAlreadyGone, type RunCommand, runCommand } from './run-command.ts';
import { readStates, STATE_DIRECTORY, type TunState } from './state-file.ts';

/** Where to look for what killed processes left behind. */
export interface LeftoverOptions {
  /** Default `/run/ipsec-kit`. */
  readonly stateDirectory?: string;
  /** Default `/etc/resolv.conf`. */
  readonly resolvConfPath?: string;
}

/** Removes what processes that were killed left behind in this network namespace: policy rules and nameservers.
 * Devices, addresses and routes went with those processes. What a running process made stays, and so does everything
 * that has no record. {@link createTun} does this first.
 * @returns one line for each thing that was removed.
 */
export async function clearLeftovers(
  options: LeftoverOptions = {},
  run: RunCommand = runCommand,
): Promise<readonly string[]> {
  const removed: string[] = [];
  removed.push(...clearNameservers(options.resolvConfPath ?? RESOLV_CONF_PATH));
  const here = networkPlace();
  for (const { path, state } of readStates(options.stateDirectory ?? STATE_DIRECTORY)) {
    const isThisBoot = state.bootId === here.bootId;
    if (isThisBoot && isRunning(state.owner)) continue;
    // The rules of another namespace cannot be reached from here; after a reboot there are none.
    if (isThisBoot && state.namespace !== here.namespace) continue;
    if (isThisBoot) removed.push(...(await clearState(state, run)));
    rmSync(path, { force: true });
  }
  return removed;
}

async function clearState(state: TunState, run: RunCommand): Promise<string[]> {
  const removed: string[] = [];
  for (const rule of state.rules) {
    if (await removeRule(rule, run)) removed.push(ruleArguments('add', rule).join(' '));
  }
  const { resolvconfName } = state;
  if (resolvconfName !== undefined) {
    await removeFromResolvconf(resolvconfName, run);
    removed.push(`nameservers of ${resolvconfName}`);
  }
  return removed;
}

async function removeRule(rule: PolicyRule, run: RunCommand): Promise<boolean> {
  try {
    await run('ip', ruleArguments('del', rule));
    return true;
  } catch (error) {
    if (isAlreadyGone(error)) return false;
    throw error;
  }
}

/** The file tells by itself whose nameservers it holds: it outlives a reboot, which the records do not. */
function clearNameservers(path: string): string[] {
  const owners = nameserverOwners(readText(path)).filter((owner) => !isRunning(owner));
  for (const owner of owners) restoreFile(path, owner);
  return owners.map(({ device }) => `nameservers of ${device} in ${path}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
