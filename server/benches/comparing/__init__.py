"""What `server/benches/compare` is made of, from the pure to the whole: arithmetic, cases, servers, measure, report;
peers and goals are its two tables."""
