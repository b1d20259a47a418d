# A job that reports with sentry-raven, the SDK before sentry-ruby. The SDK reads SENTRY_DSN.
require "sentry-raven"

Raven.configure do |config|
  config.release = "shop@1.2.3"
  config.current_environment = "staging"
  config.server_name = "worker-7"
  # What lies in its folder `app` is the application.
  config.project_root = File.expand_path("..", __dir__)
  config.silence_ready = true
end
Raven.user_context(id: "42", email: "kim@example.org")
Raven.tags_context(cohort: "b")
Raven.extra_context(attempt: 3)
Raven.breadcrumbs.record do |crumb|
  crumb.category = "cart"
  crumb.message = "cart opened"
end

class NoPriceError < StandardError
end

def price_of(sku)
  prices = { "LMP-0417" => 12_900 }
  prices.fetch(sku)
rescue KeyError
  raise NoPriceError, "no price for #{sku}"
end

Raven.capture_message("Stock is being counted", level: "info")
begin
  price_of("RUG-7720")
rescue NoPriceError => error
  Raven.capture_exception(error)
end
