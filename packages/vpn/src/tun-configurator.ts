import type { TunAdapter, TunSettings } from '@ipsec-kit/tun-adapter';
import { tunSettingsEqual } from './tun-plan.ts';

/** Brings a TUN device to the settings asked for last: one change at a time, and none when nothing differs. */
export interface TunConfigurator {
  /** @returns nothing when the device stands as asked for already; otherwise resolves when it does. */
  apply(settings: TunSettings): Promise<void> | undefined;
  /** Resolves when no change is in progress; never rejects. */
  settled(): Promise<void>;
}

/** Makes the one configurator of a device. `onApplied` hears of every change that was made. */
export function createTunConfigurator(
  tun: Pick<TunAdapter, 'configure'>,
  onApplied: (settings: TunSettings) => void,
): TunConfigurator {
  let applied: TunSettings | undefined;
  let wanted: TunSettings | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    // What is asked for while a change is made replaces what was to come next: only the last one counts.
    while (wanted && !(applied && tunSettingsEqual(wanted, applied))) {
      const settings = wanted;
      try {
        await tun.configure(settings);
      } catch (error) {
        // What is in force now is unknown: the next change starts from nothing.
        applied = undefined;
        wanted = undefined;
        throw error;
      }
      applied = settings;
      onApplied(settings);
    }
  }

  return {
    apply(settings) {
      wanted = settings;
      if (!running && applied && tunSettingsEqual(settings, applied)) return undefined;
      running ??= run().finally(() => {
        running = undefined;
      });
      return running;
    },
    async settled() {
      await running?.catch(() => undefined);
    },
  };
}
