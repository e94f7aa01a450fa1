import type { BadStanding, RevalidationReport } from '@ipsec-kit/vpn';

/** What `revalidate` takes. */
export interface RevalidateArguments {
  readonly control: string;
  readonly connection?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly json?: boolean;
}

/** How the certificates of peers stand that were looked at: one line for all, and one for each that does not stand well. */
export function revalidationText(report: RevalidationReport): string {
  const { checked, good, bad, pending, withoutCertificate, tookMs } = report;
  const parts = [
    `${good} good`,
    ...(checked > good ? [`${checked - good} not`] : []),
    ...(pending > 0 ? [`${pending} not known yet, see monitor`] : []),
    ...(withoutCertificate > 0 ? [`${withoutCertificate} without a certificate`] : []),
  ];
  const all = checked + pending + withoutCertificate;
  const head = `${all} ${all === 1 ? 'session' : 'sessions'} in ${(tookMs / 1000).toFixed(2)} s: ${parts.join(', ')}`;
  const unsaid = checked - good - bad.length;
  return [head, ...bad.map(badText), ...(unsaid > 0 ? [`and ${unsaid} more`] : [])].join('\n');
}

const DONE = {
  close: 'its session is closed',
  alert: 'its session stays',
  grace: 'its session is closed after a while',
} as const;

function badText({ sessionId, remoteIdentity, standing, action, sentence }: BadStanding): string {
  return `${remoteIdentity} (session ${sessionId}) ${standing}, ${DONE[action]}: ${sentence}`;
}
