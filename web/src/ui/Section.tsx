import type { ReactNode } from 'react';

interface SectionProps {
  title: string;
  text?: string;
  children: ReactNode;
}

export function Section({ title, text, children }: SectionProps) {
  return (
    <section className="card mb-5 p-5 sm:p-6">
      <h2 className="text-lg font-semibold">{title}</h2>
      {text && <p className="mt-0.5 text-sm text-ink-soft">{text}</p>}
      <div className="mt-4">{children}</div>
    </section>
  );
}
