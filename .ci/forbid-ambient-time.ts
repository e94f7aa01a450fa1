/** Makes ambient time and randomness throw when the source of a pure package reaches for them in a test. */
const pureSource =
  /packages\/(?!posix|crypto-openssl|udp-adapter|tun-adapter|linux-platform|datapath|vpn|cli)[^/]+\/src\/(?!system|node\/)/;

function guard<T extends (...args: never[]) => unknown>(name: string, real: T): T {
  return new Proxy(real, {
    apply(target, self, args) {
      refuse(name);
      return Reflect.apply(target, self, args);
    },
    construct(target, args, newTarget) {
      if (args.length === 0) refuse(name);
      return Reflect.construct(target, args, newTarget);
    },
  });
}

function refuse(name: string): void {
  // Only the direct caller counts: a test or the runner may use the clock.
  const caller = (new Error().stack ?? '').split('\n')[3] ?? '';
  if (pureSource.test(caller))
    throw new Error(`${name} is ambient; pure packages get it handed in:${caller}`);
}

Math.random = guard('Math.random', Math.random);
Date.now = guard('Date.now', Date.now);
globalThis.Date = guard('Date', Date as unknown as () => unknown) as unknown as DateConstructor;
performance.now = guard('performance.now', performance.now.bind(performance));
globalThis.setTimeout = guard('setTimeout', setTimeout) as typeof setTimeout;
globalThis.setInterval = guard('setInterval', setInterval) as typeof setInterval;
crypto.getRandomValues = guard('crypto.getRandomValues', crypto.getRandomValues.bind(crypto));
