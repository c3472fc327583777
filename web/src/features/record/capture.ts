/** Where sound comes from: a microphone, another tab, or both mixed. */

export type Source = 'microphone' | 'tab' | 'both';
export type Obstacle =
  | 'insecure'
  | 'unsupported'
  | 'refused'
  | 'missing'
  | 'taken'
  | 'tab.refused'
  | 'tab.silent'
  | 'unmixed'
  | 'unknown';

export class CaptureError extends Error {
  constructor(readonly obstacle: Obstacle) {
    super(obstacle);
  }
}

export interface Capture {
  stream: MediaStream;
  analyser: AnalyserNode;
  /** Called once, when a device is unplugged or sharing is ended in the browser's own bar. */
  onEnded: (listener: () => void) => void;
  close: () => void;
}

const RUNNING_MS = 3000;
const KINDS = ['audio/webm;codecs=opus', 'audio/mp4;codecs=mp4a.40.2', 'audio/mp4', 'audio/ogg;codecs=opus'];

export function recordingType(): string | null {
  if (typeof MediaRecorder === 'undefined') return null;
  return KINDS.find((kind) => MediaRecorder.isTypeSupported(kind)) ?? null;
}

/** Why nothing can be recorded here at all; null where it can. */
export function standingObstacle(): Obstacle | null {
  if (!window.isSecureContext) return 'insecure';
  return 'mediaDevices' in navigator && recordingType() ? null : 'unsupported';
}

export function hasTabs(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
}

/** What a browser's refusal means. */
export function obstacleOf(error: unknown, tab: boolean): Obstacle {
  if (error instanceof CaptureError) return error.obstacle;
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return tab ? 'tab.refused' : 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'taken';
    default:
      return 'unknown';
  }
}

async function microphone(deviceId: string | null): Promise<MediaStream> {
  const wished = deviceId ? { deviceId: { exact: deviceId } } : {};
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: wished });
  } catch (error) {
    // The one that was chosen last time is not plugged in today.
    if (!deviceId || obstacleOf(error, false) !== 'missing') throw error;
    return navigator.mediaDevices.getUserMedia({ audio: true });
  }
}

async function tab(): Promise<MediaStream> {
  // Browsers share no sound alone; the picture is let go of at once.
  const shared = await navigator.mediaDevices.getDisplayMedia({
    video: true,
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  if (shared.getAudioTracks().length === 0) {
    for (const track of shared.getTracks()) track.stop();
    throw new CaptureError('tab.silent');
  }
  return shared;
}

async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms));
  return Promise.race([promise.then(() => true), late]);
}

function stop(streams: readonly MediaStream[]): void {
  for (const track of streams.flatMap((stream) => stream.getTracks())) track.stop();
}

export async function capture(source: Source, deviceId: string | null): Promise<Capture> {
  const streams: MediaStream[] = [];
  let asking: 'tab' | 'microphone' = 'tab';
  try {
    // The tab first: its dialog needs the click that led here.
    if (source !== 'microphone') streams.push(await tab());
    asking = 'microphone';
    if (source !== 'tab') streams.push(await microphone(deviceId));
  } catch (error) {
    stop(streams);
    throw new CaptureError(obstacleOf(error, asking === 'tab'));
  }
  const context = new AudioContext();
  // Where there is nothing to play to it may never run: what is mixed in it would be silence then. One source
  // alone does not go through it, and is only not drawn.
  const running = context.resume();
  if (streams.length > 1 && !(await within(RUNNING_MS, running))) {
    stop(streams);
    void context.close();
    throw new CaptureError('unmixed');
  }
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const mixed = context.createMediaStreamDestination();
  const sounds = streams.map((each) => new MediaStream(each.getAudioTracks()));
  for (const sound of sounds) {
    const node = context.createMediaStreamSource(sound);
    node.connect(analyser);
    node.connect(mixed);
  }
  const [only] = sounds;
  return {
    stream: sounds.length === 1 && only ? only : mixed.stream,
    analyser,
    onEnded(listener) {
      for (const track of streams.flatMap((each) => each.getAudioTracks())) {
        track.addEventListener('ended', listener, { once: true });
      }
    },
    close() {
      stop(streams);
      void context.close();
    },
  };
}

/** Microphones by name. Before one was allowed, browsers tell neither names nor ids. */
export async function microphones(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter((each) => each.kind === 'audioinput' && each.deviceId !== '' && each.label !== '');
}
