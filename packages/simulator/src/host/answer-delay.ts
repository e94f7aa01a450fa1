import type { Request } from '@ipsec-kit/ikev2';
import type { AnswerDelay } from './simulated-host-options.ts';

const KEY_EXCHANGE: ReadonlySet<Request['kind']> = new Set([
  'generate-key',
  'agree-key',
  'respond-key',
]);

/** How long the answer to a request takes, in milliseconds of virtual time. */
export function answerDelayMs(delay: AnswerDelay, request: Request): number {
  if (typeof delay === 'function') return delay(request);
  return KEY_EXCHANGE.has(request.kind) ? delay : 0;
}
