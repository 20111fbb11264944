"""The work behind datasets: records, measurements, what may still be exported, and the exports."""
