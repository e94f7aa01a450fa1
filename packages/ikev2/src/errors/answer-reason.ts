import type { Answer } from '../endpoint-work.ts';

/** Why an answer is not the one that was asked for. */
export function answerReason(answer: Answer): string {
  return answer.kind === 'failed' ? answer.reason : `unexpected answer ${answer.kind}`;
}
