import { connect } from 'node:net';
import type { ControlAnswer } from './control-socket.ts';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import { DEFAULT_OUTCOME_TIMEOUT_MS, type SessionRequest } from './session-request.ts';
import type { VpnStatus } from './status.ts';
import { systemErrorCode, VpnError, vpnErrorFrom } from './vpn-error.ts';

const answerLimitBytes = 16 * 1024 * 1024;

/** Asks a running client or server for its status over its control socket.
 * @throws {@link VpnError} `control-unreachable` when nobody answers there.
 */
export async function requestStatus(path: string, timeoutMs = 5_000): Promise<VpnStatus> {
  const answer = await request(path, { command: 'status' }, timeoutMs);
  if (!answer.ok) throw new VpnError('control-refused', answer.error);
  if (!answer.status) throw new VpnError('control-refused', `${path} gave no status.`);
  return answer.status;
}

/** Tells a running client or server to close its tunnels; resolves when they are closed.
 * @throws {@link VpnError} `control-unreachable` when nobody answers there.
 */
export async function requestDisconnect(path: string, timeoutMs = 30_000): Promise<void> {
  const answer = await request(path, { command: 'disconnect' }, timeoutMs);
  if (!answer.ok) throw new VpnError('control-refused', answer.error);
}

/** Has a running client or server do something with its sessions. @returns the sentence that says what was done.
 * @throws {@link VpnError} as `Client.perform` does, `control-unreachable` when nobody answers there.
 */
export async function requestSession(path: string, wanted: SessionRequest): Promise<string> {
  const { action, ...selection } = wanted;
  const timeoutMs = (wanted.timeoutMs ?? DEFAULT_OUTCOME_TIMEOUT_MS) + ANSWER_GRACE_MS;
  const answer = await request(path, { command: action, ...selection }, timeoutMs);
  if (!answer.ok) throw new VpnError(answer.code ?? 'control-refused', answer.error);
  return answer.sentence ?? '';
}

/** Has a running client or server look again at the certificates of its peers. @returns what came of it.
 * @throws {@link VpnError} as `Client.revalidate` does, `control-unreachable` when nobody answers there.
 */
export async function requestRevalidation(
  path: string,
  wanted: RevalidationRequest = {},
): Promise<RevalidationReport> {
  const timeoutMs = (wanted.timeoutMs ?? DEFAULT_OUTCOME_TIMEOUT_MS) + ANSWER_GRACE_MS;
  const answer = await request(path, { command: 'revalidate', ...wanted }, timeoutMs);
  if (!answer.ok) throw new VpnError(answer.code ?? 'control-refused', answer.error);
  if (answer.revalidation) return answer.revalidation;
  throw new VpnError('control-refused', `${path} gave no report.`);
}

/** How much longer than the outcome its answer is waited for. */
const ANSWER_GRACE_MS = 5_000;

interface Line {
  readonly command: string;
}

function request<T extends Line>(path: string, line: T, timeoutMs: number): Promise<ControlAnswer> {
  const { command } = line;
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(path);
    const fail = (error: VpnError): void => {
      socket.destroy();
      reject(error);
    };
    const silent = (): void =>
      fail(
        new VpnError(
          'control-unreachable',
          `The process behind ${path} gave no answer to "${command}" within ${timeoutMs / 1000} s.`,
        ),
      );
    const timer = setTimeout(silent, timeoutMs);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(line)}\n`));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = received.indexOf('\n');
      if (end >= 0) {
        clearTimeout(timer);
        socket.end();
        const answer = parseAnswer(received.slice(0, end));
        if (answer) resolve(answer);
        else fail(new VpnError('control-refused', `What answers on ${path} is no ipsec-kit.`));
      } else if (received.length > answerLimitBytes) {
        clearTimeout(timer);
        fail(new VpnError('control-refused', `The answer on ${path} is too long.`));
      }
    });
    socket.on('error', (error) => {
      clearTimeout(timer);
      fail(controlUnreachable(path, error));
    });
    socket.on('close', () => {
      clearTimeout(timer);
      fail(
        new VpnError(
          'control-unreachable',
          `The process behind ${path} ended before it answered "${command}".`,
        ),
      );
    });
  });
}

function parseAnswer(line: string): ControlAnswer | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && 'ok' in value) return value as ControlAnswer;
  } catch {
    return undefined;
  }
  return undefined;
}

/** Why nobody answers on a control socket. */
export function controlUnreachable(path: string, error: Error): VpnError {
  switch (systemErrorCode(error)) {
    case 'ENOENT':
      return new VpnError(
        'control-unreachable',
        `There is no control socket ${path}: the tunnel is not running, or was started with another --control PATH.`,
      );
    case 'ECONNREFUSED':
      return new VpnError(
        'control-unreachable',
        `Nobody answers on ${path}: the process that made it is gone.`,
      );
    default:
      return vpnErrorFrom(error, `reach the control socket ${path}`, 'control-unreachable');
  }
}
