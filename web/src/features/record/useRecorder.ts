import { useEffect, useState, useSyncExternalStore } from 'react';
import { microphones } from './capture';
import { recorder } from './recorder';
import type { Sender, Sent } from './sender';

export function useRecorder() {
  return useSyncExternalStore(recorder.subscribe, recorder.get);
}

export function useSent(sender: Sender): Sent {
  return useSyncExternalStore(sender.subscribe, sender.get);
}

/** The microphones that have names, as they are plugged in and out. */
export function useMicrophones(again: unknown): readonly MediaDeviceInfo[] {
  const [found, setFound] = useState<readonly MediaDeviceInfo[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: names are told once a microphone was allowed
  useEffect(() => {
    const devices = navigator.mediaDevices;
    if (!devices) return;
    let current = true;
    const look = () => void microphones().then((list) => current && setFound(list));
    look();
    devices.addEventListener('devicechange', look);
    return () => {
      current = false;
      devices.removeEventListener('devicechange', look);
    };
  }, [again]);
  return found;
}

/** Seconds recorded so far, a few times a second. */
export function useSeconds(running: boolean): number {
  const [seconds, setSeconds] = useState(recorder.seconds);
  useEffect(() => {
    setSeconds(recorder.seconds);
    if (!running) return;
    const timer = setInterval(() => setSeconds(recorder.seconds), 200);
    return () => clearInterval(timer);
  }, [running]);
  return seconds;
}

const TYPED = 'input, textarea, select, [contenteditable]';

/** M remembers the moment, wherever the focus is, unless somebody types. */
export function useMarkKey(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (
        (event.code !== 'KeyM' && event.key.toLowerCase() !== 'm') ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        event.repeat
      )
        return;
      if (event.target instanceof Element && event.target.closest(TYPED)) return;
      event.preventDefault();
      recorder.mark();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
