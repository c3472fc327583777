/** The mark: a Tironian “et”, which Tiro wrote two thousand years ago, and the sound it stands for. */
export function Mark({ className = 'size-9' }: { className?: string }) {
  return (
    <svg viewBox="0 0 64 64" className={className} aria-hidden="true">
      <rect width="64" height="64" rx="17" className="fill-accent" />
      <path
        d="M15 20h34M32 20c0 14-3 22-12 27"
        fill="none"
        className="stroke-on-accent"
        strokeWidth="6"
        strokeLinecap="round"
      />
      <path
        d="M42 32v12M50 36v4"
        fill="none"
        className="stroke-amber"
        strokeWidth="5"
        strokeLinecap="round"
      />
    </svg>
  );
}

export function Wordmark() {
  return (
    <span className="flex items-center gap-2.5">
      <Mark className="size-8" />
      <span className="display text-xl">Tiro</span>
    </span>
  );
}
