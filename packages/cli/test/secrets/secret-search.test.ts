import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { secretsIn, secretText } from './secret-search.ts';

const secret = secretText('password', 'Tr0ub4dor&3-of-anna');
const bytes = Buffer.from(secret.bytes);

describe('the search for secrets', () => {
  it.each([
    ['text', `refused: ${bytes}`],
    ['a piece of it', `near "${bytes.subarray(8, 16)}"`],
    ['URL encoding', `http://h/?p=${encodeURIComponent(bytes.toString())}`],
    ['hexadecimal', `key ${bytes.toString('hex').toUpperCase()}`],
    ['hexadecimal in groups', bytes.toString('hex').replace(/../g, '$&:')],
    ['a Buffer', inspect(bytes)],
    ['an array', inspect(new Uint8Array(bytes))],
    ['JSON of bytes', JSON.stringify(new Uint8Array(bytes))],
    ['JSON of a Buffer', JSON.stringify(bytes)],
    ['Base64', bytes.toString('base64')],
    ['Base64 of something longer', Buffer.concat([Buffer.from('x'), bytes]).toString('base64')],
    ['Base64 two bytes later', Buffer.concat([Buffer.from('xy'), bytes]).toString('base64')],
    ['Base64 in lines', bytes.toString('base64').replace(/.{10}/g, '$&\n')],
  ])('finds %s', (_what, text) => {
    expect(secretsIn(`before ${text} after`, [secret])).toHaveLength(1);
  });

  it('finds nothing in other words', () => {
    const text = `${JSON.stringify({ kind: 'session-opened', key: '[redacted]' })} 12, 13, 14`;
    expect(secretsIn(text, [secret])).toEqual([]);
  });
});
