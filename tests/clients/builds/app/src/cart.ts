export interface Article {
  sku: string;
  cents: number;
}

export class SoldOutError extends Error {
  override name = "SoldOutError";
}

export class Cart {
  private articles: Article[] = [];

  add(article: Article | undefined): void {
    if (article === undefined) {
      throw new SoldOutError("this lamp is sold out");
    }
    this.articles.push(article);
  }

  total(): number {
    return this.articles.reduce((sum, article) => sum + article.cents, 0);
  }
}
