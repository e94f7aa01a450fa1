import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type PolicyRule, toPolicyRule } from './policy-rule.ts';
import { networkPlace, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** Where records are kept unless another directory is named. */
export const STATE_DIRECTORY = '/run/ipsec-kit';

const SUFFIX = '.tun.json';
const MOST_FILE_BYTES = 1024 * 1024;

/** What a process has made that does not go with it. */
export interface TunState {
  readonly device: string;
  readonly owner: ProcessIdentity;
  readonly namespace: string;
  readonly bootId: string;
  readonly rules: readonly PolicyRule[];
  /** The name under which `resolvconf` was told nameservers. */
  readonly resolvconfName?: string;
}

/** Records what would be left behind, before it is made. */
export interface StateFile {
  readonly path: string;
  /** Replaces the record in one step. @throws when the directory cannot be written. */
  write(rules: readonly PolicyRule[], resolvconfName: string | undefined): void;
  remove(): void;
}

/** The record of one device of this process; nothing is written yet. */
export function createStateFile(directory: string, device: string): StateFile {
  const owner = ownIdentity();
  const path = join(directory, `${owner.pid}-${device}${SUFFIX}`);
  return {
    path,
    write(rules, resolvconfName): void {
      const state: TunState = {
        device,
        owner,
        ...networkPlace(),
        rules,
        ...(resolvconfName === undefined ? {} : { resolvconfName }),
      };
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      // A reader sees the old record or the new one, never half of one.
      writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    remove(): void {
      rmSync(path, { force: true });
    },
  };
}

/** The records in a directory. Files that are not ours, not readable or not records are left out: a record makes
 * a privileged process act, so nobody else may have written it.
 */
export function readStates(
  directory: string,
): { readonly path: string; readonly state: TunState }[] {
  return listFiles(directory).flatMap((name) => {
    const path = join(directory, name);
    try {
      const { uid, size } = statSync(path);
      if (uid !== process.getuid?.() || size > MOST_FILE_BYTES) return [];
      const state = toState(JSON.parse(readFileSync(path, 'utf8')));
      return state ? [{ path, state }] : [];
    } catch {
      return [];
    }
  });
}

function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(SUFFIX));
  } catch {
    return [];
  }
}

function toState(value: unknown): TunState | undefined {
  if (!isRecord(value) || !isRecord(value.owner) || !Array.isArray(value.rules)) return undefined;
  const { device, namespace, bootId, resolvconfName, owner } = value;
  const { pid, startTicks } = owner;
  if (typeof device !== 'string' || !/^[^\s/]{1,15}$/.test(device)) return undefined;
  if (typeof namespace !== 'string' || typeof bootId !== 'string') return undefined;
  if (typeof pid !== 'number' || typeof startTicks !== 'number') return undefined;
  const rules = value.rules.map(toPolicyRule);
  const isResolvconfName =
    typeof resolvconfName === 'string' && /^[\w.-]{1,64}$/.test(resolvconfName);
  return {
    device,
    owner: { pid, startTicks },
    namespace,
    bootId,
    rules: rules.filter((rule) => rule !== undefined),
    ...(isResolvconfName ? { resolvconfName } : {}),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
