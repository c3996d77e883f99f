# Made by idim report; edit it, then: gnuplot -e "format='pdf'" bytes-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.gp
if (!exists('format')) format = 'svg'
if (format eq 'svg') set terminal svg size 900,560 font 'Helvetica,14' noenhanced background 'white'
if (format eq 'png') set terminal pngcairo size 1800,1120 font 'Helvetica,26' linewidth 2 pointscale 2 noenhanced
if (format eq 'pdf') set terminal pdfcairo size 18cm,11.2cm font 'Helvetica,11' noenhanced
set encoding utf8
set datafile separator comma
set output 'bytes-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.'.format
data = 'bytes-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te.csv'
pick(series, kind, c) = $1 == series && strcol(2) eq kind ? column(c) : NaN
set border 3
set tics nomirror out
set grid linecolor '#e4e4e4'
set key outside right center reverse Left
set title 'Size of the adapter, MiniLM-L6 on film-reviews, projection fastfood-tensor, normalize tensor, pull public, groups tensor'
set ylabel 'accuracy on dev, %'
set xlabel 'bytes of the adapter'
set logscale x
c0 = '#0b62c4'
plot data skip 1 using (pick(0,'run',3)):(pick(0,'run',4)) with points pointtype 7 linecolor rgb c0 title 'said', \
  74.89343563512362 with lines linecolor '#444444' linewidth 1.5 title 'full fine-tuning 74.9 %', \
  67.40409207161126 with lines linecolor '#444444' dashtype 2 title 'target 67.4 %'
