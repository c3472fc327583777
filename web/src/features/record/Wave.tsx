import { useEffect, useRef } from 'react';
import { t } from '@/i18n';
import { Levels, loudness } from './levels';

interface WaveProps {
  analyser: AnalyserNode | null;
  paused: boolean;
}

const BAR = 3;
const GAP = 3;
const EVERY_MS = 70;
/** Where motion is unwelcome, a bar comes with each second and nothing glides. */
const EVERY_MS_CALM = 1000;

/** What is heard, as it goes by. Time runs from left to right, and now is at the right. */
export function Wave({ analyser, paused }: WaveProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const levels = useRef<Levels | null>(null);

  useEffect(() => {
    const box = canvas.current;
    const context = box?.getContext('2d');
    if (!box || !context) return;
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    levels.current ??= new Levels(2000, calm ? EVERY_MS_CALM : EVERY_MS);
    const samples = new Float32Array(analyser?.fftSize ?? 0);
    let frame = 0;
    let gliding = 0;
    const draw = () => {
      if (analyser && !paused && levels.current) {
        analyser.getFloatTimeDomainData(samples);
        const level = loudness(samples);
        gliding = levels.current.add(level, performance.now());
        box.parentElement?.style.setProperty('--level', calm ? '0' : level.toFixed(2));
      }
      paint(box, context, levels.current?.bars ?? [], calm ? 0 : gliding, paused);
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [analyser, paused]);

  return <canvas ref={canvas} role="img" aria-label={t('record.wave')} className="h-36 w-full sm:h-44" />;
}

function paint(
  box: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  bars: readonly number[],
  gliding: number,
  faint: boolean,
): void {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = box;
  if (box.width !== Math.round(width * scale) || box.height !== Math.round(height * scale)) {
    box.width = Math.round(width * scale);
    box.height = Math.round(height * scale);
  }
  const style = getComputedStyle(box);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue('--line-strong');
  context.fillRect(0, height / 2 - 0.5, width, 1);
  context.fillStyle = style.getPropertyValue(faint ? '--wave' : '--accent');
  const step = BAR + GAP;
  for (
    let index = bars.length - 1, x = width - step * (1 + gliding);
    index >= 0 && x > -step;
    index -= 1, x -= step
  ) {
    const tall = Math.max(BAR, (bars[index] ?? 0) * (height - 8));
    // Fading out to where it has come from.
    context.globalAlpha = Math.min(1, Math.max(0.08, x / (width * 0.35)));
    context.beginPath();
    context.roundRect(x, (height - tall) / 2, BAR, tall, BAR / 2);
    context.fill();
  }
  context.globalAlpha = 1;
}
