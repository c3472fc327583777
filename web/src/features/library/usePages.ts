import { useQueries } from '@tanstack/react-query';
import { PAGE, pageQuery, type Wanted } from '@/api/queries';
import type { Recording } from '@/api/types';
import { pagesFor } from './pages';

interface Rows {
  total: number | null;
  at: (index: number) => Recording | undefined;
  loaded: Recording[];
  error: Error | null;
}

/** The rows of a list of any length, of which only what is looked at is fetched. */
export function usePages(wished: Wanted, first: number, last: number): Rows {
  const wanted = pagesFor(first, last, PAGE, last + 1);
  const numbers = wanted.includes(0) ? wanted : [0, ...wanted];
  const answers = useQueries({
    queries: numbers.map((page) => ({
      ...pageQuery(wished, page),
    })),
  });
  const pages = new Map<number, Recording[]>();
  answers.forEach((answer, index) => {
    const page = numbers[index];
    if (page !== undefined && answer.data) pages.set(page, answer.data.items);
  });
  const head = answers[numbers.indexOf(0)];
  return {
    total: head?.data?.total ?? null,
    at: (index) => pages.get(Math.floor(index / PAGE))?.[index % PAGE],
    loaded: [...pages.entries()].sort(([a], [b]) => a - b).flatMap(([, items]) => items),
    error: head?.error ?? null,
  };
}
