ENV.fetch("BENCH_HOSTS").split.each_with_index do |host, index|
  server host, user: "deploy", roles: index.zero? ? %w[app db] : %w[app]
end
